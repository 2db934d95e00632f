"""Words of names that stand in other languages than English, and in no English one."""

from __future__ import annotations

from dataset.names import sub_tokens

# Verbs and nouns of beginners' programs and business code, without accents as identifiers are.
_SPANISH = """
    obtener calcular agregar anadir borrar buscar cargar guardar imprimir mostrar leer escribir
    crear eliminar actualizar verificar comprobar validar enviar recibir contar ordenar convertir
    abrir cerrar salir jugar usuario usuarios nombre nombres archivo archivos fecha fechas numero
    numeros cadena palabra palabras contrasena direccion cliente clientes pregunta respuesta
    jugador tablero juego ganador suma promedio resultado resultados siguiente nuevo nueva
"""
_PORTUGUESE = """
    obter adicionar apagar carregar salvar escrever criar excluir atualizar receber arquivo arquivos
    palavra palavras senha endereco resposta jogador tabuleiro jogo vencedor soma proximo novo
    adiciona atualiza imprime calcula retorna insere
"""
_FRENCH = """
    obtenir calculer ajouter supprimer effacer chercher enregistrer afficher ecrire creer valider
    envoyer recevoir utilisateur utilisateurs fichier fichiers chaine adresse joueur joueurs jeu
    gagnant somme moyenne resultat resultats suivant nouveau nouvelle chemin couleur longueur
    largeur hauteur donnees trouver ouvrir fermer
"""
_GERMAN = """
    berechne berechnen hinzufuegen loesche loeschen suche suchen speichere speichern drucke zeige
    anzeigen lesen schreibe schreiben erstelle erstellen aktualisiere pruefe pruefen senden
    empfange benutzer datei dateien zeichenkette passwort frage antwort spieler spiel gewinner
    summe ergebnis ergebnisse naechste neuer farbe laenge breite hoehe daten oeffne schliesse
"""
_ITALIAN = """
    ottieni calcola aggiungi cancella cerca stampa mostra leggi scrivi aggiorna controlla ricevi
    utente utenti parola parole risposta domanda giocatore gioco vincitore risultato risultati
    prossimo nuovo nuova lunghezza larghezza altezza trova
"""
_PINYIN = """
    huoqu jisuan tianjia shanchu chaxun jiazai baocun dayin xianshi xieru chuangjian gengxin
    jiancha fasong jieshou yonghu mingcheng wenjian liebiao shuzi mima dizhi denglu zhuce tupian
    shuju jieguo xiazai shangchuan paixu
"""
_OTHERS = """
    gebruiker bestand bereken toevoegen verwijder ophalen pobierz oblicz dodaj zapisz wyswietl
    sprawdz uzytkownik hesapla kaydet goster kullanici
"""
_WORDS = frozenset(
    " ".join((_SPANISH, _PORTUGUESE, _FRENCH, _GERMAN, _ITALIAN, _PINYIN, _OTHERS)).split()
)


def is_english(name: str) -> bool:
    """Whether a name is in ASCII letters and none of its words is one of another language."""
    return name.isascii() and _WORDS.isdisjoint(sub_tokens(name))
